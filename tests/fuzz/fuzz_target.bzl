"""A fuzz target: a regression test over its corpus, and an object for libFuzzer."""

def fuzz_target(name, corpus, mutations, deps):
    """Makes NAME_fuzz_test, and NAME_fuzzer, which links with libFuzzer only (fuzz_target.h).

    Args:
      name: NAME_fuzz.cc is the target, corpus/NAME its own corpus.
      corpus: labels of further files.
      mutations: how many to try of each file; 2 s or so in all.
      deps: what the target needs beyond what all need.
    """
    native.cc_library(
        name = name + "_fuzz",
        testonly = True,
        srcs = [name + "_fuzz.cc"],
        deps = deps + [
            ":fuzz_target",
            "//sim:check",
            "@absl",
        ],
        alwayslink = True,
    )
    seeds = corpus + native.glob(["corpus/%s/*" % name])
    native.cc_test(
        name = name + "_fuzz_test",
        size = "small",
        args = ["--mutations=%d" % mutations] + ["$(locations %s)" % seed for seed in seeds],
        data = seeds,
        deps = [
            ":corpus_main",
            ":%s_fuzz" % name,
        ],
    )
    native.cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        tags = ["manual"],
        deps = [":%s_fuzz" % name],
    )
