"""Writes the files of a folder as a C table: embed.py OUT FOLDER FILE..., FILE within FOLDER."""
import os
import sys

out, folder, files = sys.argv[1], sys.argv[2], sys.argv[3:]
with open(out, "w", encoding="utf-8") as f:
    f.write('#include "sample.h"\n\n')
    sizes = []
    for n, path in enumerate(files):
        with open(os.path.join(folder, path), "rb") as source:
            data = source.read()
        sizes.append(len(data))
        f.write("static const unsigned char file_%d[] = {" % n)
        for at, octet in enumerate(data):
            f.write("%s%d," % ("\n\t" if at % 20 == 0 else " ", octet))
        f.write("\n\t0};\n\n")
    f.write("const struct cli_sample cli_sample[] = {\n")
    for n, path in enumerate(files):
        f.write('\t{"%s", file_%d, %d},\n' % (path, n, sizes[n]))
    f.write("\t{0}};\n")
