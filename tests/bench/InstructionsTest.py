"""bench/instructions, on disassembly as llvm-objdump prints it.

  InstructionsTest.py INSTRUCTIONS [LIBRARY]
"""

import importlib.machinery
import importlib.util
import subprocess
import sys
import unittest

SPACE = "chordal::kernels::(anonymous namespace)::"


def function(kind, level, format, member, body):
    name = f"{SPACE}{kind}<{SPACE}{level}, {SPACE}{format}>::{member}({SPACE}Tile const&)"
    return [f"0000000000000000 <void {name}>:"] + body + [""]


# An outer loop from 0 on with two inner ones, from 4 and from 1c on; the latter computes more.
AARCH64 = """\
       0:      \tmov\tx1, x0
       4:      \tsdot\tv0.4s, v1.16b, v2.16b
       8:      \tb.ne\t0x4 <f+0x4>
       c:      \tcbz\tx3, 0x30 <f+0x30>
      1c:      \tldr\tq1, [sp, #0x10]
      20:      \tsmmla\tv0.4s, v1.16b, v2.16b
      24:      \tsmlal2\tv0.8h, v1.16b, v2.16b
      28:      \tsmull\tx0, w0, w1
      2c:      \tcbnz\tx0, 0x1c <f+0x1c>
      30:      \tb.lo\t0x0 <f>
      34:      \tsmmla\tv0.4s, v1.16b, v2.16b""".split("\n")

X86 = """\
       0:      \tmovdqa\t(%rsp), %xmm0
       5:      \tvpdpbusd\t(%rax,%rcx), %zmm0, %zmm1
       9:      \tpmaddubsw\t%xmm0, %xmm1
       d:      \tjne\t0x0 <f>
      10:      \tjmp\t0x40 <f+0x40>""".split("\n")


class InstructionsTest(unittest.TestCase):
    def test_counts_the_innermost_loop_of_most_products(self):
        found = TOOL.kernels(function("PairGemm", "NeonI8mm", "Q4_0", "pairBlock<3>", AARCH64)
                             + function("Gemv", "Avx512", "Q8_0", "compute", X86))
        self.assertEqual(set(found), {("NeonI8mm", "Q4_0", "gemm"), ("Avx512", "Q8_0", "gemv")})
        loop = found["NeonI8mm", "Q4_0", "gemm"]
        self.assertEqual((loop.instructions, loop.products, loop.stack), (5, 32 + 8, 1))
        loop = found["Avx512", "Q8_0", "gemv"]
        self.assertEqual((loop.instructions, loop.products, loop.stack), (4, 64 + 16, 1))

    def test_takes_the_most_rows(self):
        two = ["       0:      \tsdot\tv0.4s, v1.16b, v2.16b"] * 2 + ["       4:      \tb.ne\t0x0 <f>"]
        found = TOOL.kernels(function("Gemm", "NeonDotprod", "Q4_K", "rowBlock<1>", two[1:])
                             + function("Gemm", "NeonDotprod", "Q4_K", "rowBlock<2>", two)
                             + function("Gemm", "NeonDotprod", "Q4_K", "unpack", two * 4))
        self.assertEqual([loop.products for loop in found.values()], [32])

    @unittest.skipIf(len(sys.argv) < 3, "no library of kernels")
    def test_reports_a_library(self):
        done = subprocess.run([sys.executable, sys.argv[1], LIBRARY, "--formats", "Q4_0"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        for kernel in "gemm", "gemv":
            rows = [line.split() for line in done.stdout.splitlines() if kernel in line]
            self.assertTrue(rows, done.stdout)
            for row in rows:
                self.assertEqual(row[0], "Q4_0")
                self.assertTrue(0 < float(row[3]) < 10, row)

    def test_says_what_is_no_library(self):
        done = subprocess.run([sys.executable, sys.argv[1], "/dev/null"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr)


if __name__ == "__main__":
    loader = importlib.machinery.SourceFileLoader("instructions", sys.argv[1])
    spec = importlib.util.spec_from_loader("instructions", loader)
    TOOL = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(TOOL)
    LIBRARY = sys.argv[2] if len(sys.argv) > 2 else None
    unittest.main(argv=sys.argv[:1])
