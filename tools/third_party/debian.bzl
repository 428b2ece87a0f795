"""Repository rules that turn an installed Debian -dev package into a cc_library.

Headers live in /usr/include, which the compiler searches anyway, so a package only contributes its
link flags. They are asked of pkg-config, so that a library's own dependencies are named once, by
the library.
"""

def _pkg_config(rctx, flag, modules):
    result = rctx.execute(["pkg-config", flag] + modules)
    if result.return_code != 0:
        fail("pkg-config {} {}: {}\nRun tools/setup, which installs what is missing.".format(
            flag,
            " ".join(modules),
            result.stderr,
        ))
    return [word for word in result.stdout.strip().split(" ") if word]

def _library(name, linkopts, copts = []):
    return 'cc_library(name = "{}", linkopts = {}, defines = {}, includes = {})\n'.format(
        name,
        repr(linkopts),
        repr([c[2:] for c in copts if c.startswith("-D")]),
        repr([c[len("-I/usr/include/"):] for c in copts if c.startswith("-I/usr/include/")]),
    )

def _debian_package_impl(rctx):
    linkopts = list(rctx.attr.linkopts)
    copts = []
    if rctx.attr.modules:
        linkopts += _pkg_config(rctx, "--libs", rctx.attr.modules)
        if rctx.attr.cflags:
            copts = _pkg_config(rctx, "--cflags", rctx.attr.modules)
    build = 'package(default_visibility = ["//visibility:public"])\n'
    if copts:
        rctx.symlink("/usr/include", "include")
        build += 'cc_library(name = "{}", hdrs = glob({}), includes = {}, linkopts = {})\n'.format(
            rctx.name,
            repr([c[len("-I/usr/"):] + "/**/*.h" for c in copts if c.startswith("-I/usr/include/")]),
            repr([c[len("-I/usr/"):] for c in copts if c.startswith("-I/usr/include/")]),
            repr(linkopts),
        )
    else:
        build += _library(rctx.name, linkopts)
    if rctx.attr.main:
        build += _library(rctx.attr.main, linkopts + _pkg_config(rctx, "--libs", [rctx.attr.main]))
    rctx.file("BUILD.bazel", build)

debian_package = repository_rule(
    implementation = _debian_package_impl,
    attrs = {
        "modules": attr.string_list(doc = "pkg-config modules."),
        "linkopts": attr.string_list(doc = "Flags for a package without a .pc file."),
        "cflags": attr.bool(doc = "Also take include directories below /usr/include."),
        "main": attr.string(doc = "A second module that supplies main()."),
    },
    local = True,
)

def _debian_protobuf_impl(rctx):
    rctx.symlink("/usr/bin/protoc", "bin/protoc")
    rctx.file("BUILD.bazel", """
package(default_visibility = ["//visibility:public"])
cc_library(name = "protobuf", linkopts = {linkopts})
genrule(name = "protoc_copy", srcs = ["bin/protoc"], outs = ["protoc"], cmd = "cp $< $@", executable = True)
proto_lang_toolchain(name = "cc_toolchain", command_line = "--cpp_out=$(OUT)", runtime = ":protobuf")
""".format(linkopts = repr(_pkg_config(rctx, "--libs", ["protobuf"]))))

debian_protobuf = repository_rule(implementation = _debian_protobuf_impl, local = True)
