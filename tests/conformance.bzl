"""A test for each file of recorded vectors."""

def conformance_test(kind):
    """Runs tests/vectors/KIND.jsonl with `conformance KIND`."""
    vectors = "vectors/%s.jsonl" % kind
    native.sh_test(
        name = "conformance_%s_test" % kind.replace("-", "_"),
        size = "small",
        srcs = [":conformance"],
        args = [kind, "$(location %s)" % vectors],
        data = [vectors],
    )
