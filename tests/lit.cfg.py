"""lit: the tests of IR, in files that say by RUN lines how they are run."""

import os

import lit.formats

config.name = "chordal"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = ["data", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
# Set by CTest (tests/CMakeLists.txt): where the tools are, and where to write.
config.test_exec_root = lit_config.params["work"]
config.environment["PATH"] = os.pathsep.join(
    [lit_config.params["tools"], lit_config.params["llvm_tools"], config.environment["PATH"]]
)
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):  # lit hands on few of its own variables
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.substitutions.append(("%data", os.path.join(config.test_source_root, "data")))
config.substitutions.append(("%shared", lit_config.params.get("shared", "")))
if lit_config.params.get("shared"):
    config.available_features.add("shared-data")
if os.path.exists(os.path.join(lit_config.params["tools"], "chordal")):
    config.available_features.add("driver")
