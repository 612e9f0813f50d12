"""Writes a file of conf/ as C, for the program that is given none: embed.py OUT FILE NAME.
NAME is the array's, its header internal.h of the room."""
import sys

out, source, name = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read()
with open(out, "w", encoding="utf-8") as f:
    f.write('#include "internal.h"\n\nconst unsigned char %s[] = {' % name)
    for at, octet in enumerate(data):
        f.write("%s%d," % ("\n\t" if at % 20 == 0 else " ", octet))
    f.write("\n};\nconst size_t %s_n = sizeof %s;\n" % (name, name))
