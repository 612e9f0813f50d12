"""Writes files as a C table: embed.py OUT FILE..."""
import os
import sys

out, files = sys.argv[1], sys.argv[2:]
with open(out, "w") as f:
    f.write('#include "sample.h"\n\n')
    for n, path in enumerate(files):
        with open(path, "rb") as source:
            data = source.read()
        f.write("static const unsigned char file_%d[] = {" % n)
        for at, octet in enumerate(data):
            f.write("%s%d," % ("\n\t" if at % 20 == 0 else " ", octet))
        f.write("\n\t0};\n\n")
    f.write("const struct cli_sample cli_sample[] = {\n")
    for n, path in enumerate(files):
        f.write('\t{"%s", file_%d, %d},\n' % (os.path.basename(path), n, os.path.getsize(path)))
    f.write("\t{0}};\n")
