"""The disk behind a trace of powerloss.c: what it would hold after a loss of power.

The model, as weak as POSIX lets a disk be but for one kindness:
- A file's content and size are what they were when its last sync that returned began. (Or, with
  `survive`, some sectors that were written since, in any order.)
- A name is made, moved or removed for good when the folder it stands in was synced since. A sync
  of the file itself does not do that.
- The kindness: a rename is one thing, also across two folders, as on every journalling file
  system. What one folder's sync makes durable takes what depends on it along.
"""
import os
import shutil
import struct

SECTOR = 512
CHUNK = 1 << 16
ZEROES = bytes(CHUNK)


class File:
    def __init__(self, data=b"", mode=0o640):
        self.data, self.mode, self.pending = bytearray(data), mode, []

    def apply(self, op):
        kind, at, data = op
        if kind == "w":
            if len(self.data) < at + len(data):
                self.data.extend(bytes(at + len(data) - len(self.data)))
            self.data[at:at + len(data)] = data
        elif kind == "t" and at < len(self.data):
            del self.data[at:]
        elif len(self.data) < at:  # "t", "a"
            self.data.extend(bytes(at - len(self.data)))

    def synced(self, n):
        for op in self.pending[:n]:
            self.apply(op)
        del self.pending[:n]

    def survive(self, chance):
        """Some of what was not synced reached the disk all the same, sector by sector."""
        share = chance.random()
        for kind, at, data in self.pending:
            if kind != "w":
                if chance.random() < share:
                    self.apply((kind, at, data))
                continue
            for i in range(0, len(data), SECTOR):
                if chance.random() < share:
                    self.apply(("w", at + i, data[i:i + SECTOR]))
        self.pending = []


class Folder:
    def __init__(self, mode=0o750):
        self.now, self.durable, self.mode = {}, {}, mode


class Disk:
    """Load the tree below `root`, run a trace over it, write what is durable back."""

    def __init__(self, root):
        self.root, self.by_inode, self.names, self.syncs = root, {}, [], {}
        self.top = self._load(root)

    def _load(self, path):
        s = os.lstat(path)
        if os.path.isdir(path):
            found = Folder(s.st_mode & 0o7777)
            for name in os.listdir(path):
                child = os.path.join(path, name)
                if os.path.isdir(child) or os.path.isfile(child):
                    found.now[name] = self._load(child)
            found.durable = dict(found.now)
        else:
            with open(path, "rb") as f:
                found = File(f.read(), s.st_mode & 0o7777)
        self.by_inode[s.st_ino] = found
        return found

    def _place(self, path):
        """(folder, name) of a path below the root, as names are now."""
        parts = os.path.relpath(os.path.normpath(path), self.root).split(os.sep)
        folder = self.top
        for part in parts[:-1]:
            folder = folder.now[part]
        return folder, parts[-1]

    def _change(self, *effects):
        for folder, name, child in effects:
            if child is None:
                folder.now.pop(name, None)
            else:
                folder.now[name] = child
        self.names.append(effects)

    def _commit(self, folder, n):
        """The first n changes of names, as far as this folder's durable state needs them."""
        touched, chosen = {id(folder)}, set()
        for i in range(n - 1, -1, -1):
            folders = {id(effect[0]) for effect in self.names[i]}
            if folders & touched:
                touched |= folders
                chosen.add(i)
        self._apply_names(sorted(chosen))

    def _apply_names(self, chosen):
        for i in chosen:
            for folder, name, child in self.names[i]:
                if child is None:
                    folder.durable.pop(name, None)
                else:
                    folder.durable[name] = child
        gone = set(chosen)
        self.syncs = {k: (o, n - sum(i < n for i in gone) if isinstance(o, Folder) else n)
                      for k, (o, n) in self.syncs.items()}
        self.names = [e for i, e in enumerate(self.names) if i not in gone]

    def _sync_begins(self, inode, number):
        found = self.by_inode.get(inode)
        if found is not None:
            n = len(self.names) if isinstance(found, Folder) else len(found.pending)
            self.syncs[number] = (found, n)

    def _sync_returned(self, number):
        found, n = self.syncs.pop(number, (None, 0))
        if isinstance(found, Folder):
            self._commit(found, n)
        elif found is not None:
            found.synced(n)
            self.syncs = {k: (o, max(0, m - n) if o is found else m)
                          for k, (o, m) in self.syncs.items()}

    def step(self, kind, inode, a, path, second, data):
        if kind in "om":
            child = self.by_inode[inode] = File() if kind == "o" else Folder()
            self._change((*self._place(path), child))
        elif kind == "x":
            self.by_inode.pop(inode, None)
        elif kind in "wta":
            found = self.by_inode.get(inode)
            if found is not None:
                found.pending.append((kind, a, data))
        elif kind == "s":
            self._sync_begins(inode, a)
        elif kind == "S":
            self._sync_returned(a)
        elif kind == "u":
            self._change((*self._place(path), None))
        else:
            folder, name = self._place(path)
            child = folder.now[name]
            effects = [(*self._place(second), child)]
            if kind == "r":
                effects.insert(0, (folder, name, None))
            self._change(*effects)

    def run(self, records):
        for record in records:
            self.step(*record)

    def survive(self, chance):
        """A kinder loss: some sectors, and names up to some moment, were written in time."""
        self._apply_names(range(chance.randint(0, len(self.names))))
        for found in self.by_inode.values():
            if isinstance(found, File):
                found.survive(chance)

    def write(self):
        """Make the tree what is durable."""
        for name in os.listdir(self.root):
            path = os.path.join(self.root, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        self._write(self.top, self.root)

    def _write(self, folder, path):
        for name, child in folder.durable.items():
            there = os.path.join(path, name)
            if isinstance(child, Folder):
                os.mkdir(there)
                self._write(child, there)
            else:
                with open(there, "wb") as f:
                    for at in range(0, len(child.data), CHUNK):
                        chunk = child.data[at:at + CHUNK]
                        if chunk != ZEROES[:len(chunk)]:
                            f.seek(at)
                            f.write(chunk)
                    f.truncate(len(child.data))
            os.chmod(there, child.mode)


def read_trace(path):
    """The records of a trace; one that was cut by the end is left out. No file: the daemon
    was dead before it did anything."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as f:
        octets = f.read()
    records, at = [], 0
    while at + 4 <= len(octets):
        size = struct.unpack_from("<I", octets, at)[0]
        if at + 4 + size > len(octets):
            break
        kind, inode, a, _ = struct.unpack_from("<cQQQ", octets, at + 4)
        p = at + 29
        texts = []
        for _ in range(2):
            n = struct.unpack_from("<H", octets, p)[0]
            texts.append(octets[p + 2:p + 2 + n].decode())
            p += 2 + n
        records.append((kind.decode(), inode, a, *texts, octets[p:at + 4 + size]))
        at += 4 + size
    return records
