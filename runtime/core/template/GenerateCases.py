"""Writes the table of upper, lower and title case as a C++ fragment.

Usage: GenerateCases.py UnicodeData.txt SpecialCasing.txt OUTPUT

Simple mappings come from UnicodeData.txt (fields 12 to 14), those to several characters, and without
a condition, from SpecialCasing.txt (Unicode Standard Annex 44).
"""

import sys


def main(data_path, special_path, out_path):
    simple = {}
    with open(data_path, encoding="utf-8") as data:
        for line in data:
            fields = line.split(";")
            code = int(fields[0], 16)
            upper, lower, title = (int(field, 16) if field.strip() else code for field in fields[12:15])
            if not fields[14].strip():
                title = upper
            if (upper, lower, title) != (code, code, code):
                simple[code] = (upper, lower, title)
    special = {}
    with open(special_path, encoding="utf-8") as data:
        for line in data:
            fields = [field.strip() for field in line.split("#")[0].split(";")]
            if len(fields) < 4 or (len(fields) > 4 and fields[4]):
                continue
            code = int(fields[0], 16)
            lower, title, upper = ([int(part, 16) for part in field.split()] for field in fields[1:4])
            special[code] = (upper, lower, title)
    with open(out_path, "w", encoding="utf-8") as out:
        out.write("constexpr SimpleCase simpleCases[] = {\n")
        for code, cases in sorted(simple.items()):
            out.write("{0x%X,0x%X,0x%X,0x%X},\n" % (code, *cases))
        out.write("};\nconstexpr SpecialCase specialCases[] = {\n")
        for code, cases in sorted(special.items()):
            rows = ",".join("{" + ",".join("0x%X" % part for part in case) + "}" for case in cases)
            out.write("{0x%X,{%s}},\n" % (code, rows))
        out.write("};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
