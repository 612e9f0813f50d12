"""Runs a command with what systemd's RestrictSUIDSGID= takes away: openat2, whose flags a
filter cannot see, answers ENOSYS.

    python3 sandboxed.py COMMAND...
"""
import ctypes
import errno
import os
import struct
import sys

OPENAT2 = 437  # on every architecture
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER_MODE = 22, 38, 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def refuse(number, error):
    """A seccomp filter (BPF) by which the system call of this number fails."""
    program = b"".join(struct.pack("=HBBI", *i) for i in (
        (0x20, 0, 0, 0),               # load the number
        (0x15, 0, 1, number),          # is it this one?
        (0x06, 0, 0, ERRNO | error),
        (0x06, 0, 0, ALLOW)))
    octets = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(struct.pack("@HP", 4, ctypes.addressof(octets)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(PR_SET_SECCOMP, FILTER_MODE, ctypes.byref(head), 0, 0):
        raise OSError(ctypes.get_errno(), "cannot filter system calls")


if __name__ == "__main__":
    refuse(OPENAT2, errno.ENOSYS)
    os.execvp(sys.argv[1], sys.argv[1:])
