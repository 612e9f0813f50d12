"""Writes conf/shaping.yaml as C, for the daemon that has no file of its own: embed.py OUT FILE."""
import sys

with open(sys.argv[2], "rb") as source:
    data = source.read()
with open(sys.argv[1], "w", encoding="utf-8") as f:
    f.write('#include "internal.h"\n\nconst unsigned char shaping_shipped[] = {')
    for at, octet in enumerate(data):
        f.write("%s%d," % ("\n\t" if at % 20 == 0 else " ", octet))
    f.write("\n};\nconst size_t shaping_shipped_n = sizeof shaping_shipped;\n")
