# SPDX-License-Identifier: Apache-2.0
"""Looks for secrets where they must not be: in files, output, arguments and environments of all that ran meanwhile."""
import base64
import os
import pathlib
import subprocess
import threading
import time

# Where programs leave things without being asked. What a test writes is below its own folder.
PLACES = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/var/log"]
WINDOW = 16  # bytes: a piece of a secret is as bad as all of it
LARGEST = 64 << 20


def spellings(window):
    """A piece of a secret as it could be written: raw, backwards, hex, base64 at each of its three alignments."""
    for raw in (window, window[::-1]):
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for shift in range(3):
            text = base64.b64encode(bytes(shift) + raw)
            # The first and the last group depend on the neighbours.
            yield text[4 if shift else 0 : len(text) // 4 * 4 - 4]


class Watch:
    """Runs commands in a world of their own, below a folder; check() says what has leaked."""

    def __init__(self, folder, env=None):
        self.folder = folder
        self.needles = {}  # bytes -> name
        self.allowed = {}  # file -> names of the secrets that it is meant to hold
        self.seen = []  # (where, name)
        self.known = set()  # hashes of what processes have shown already
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder / "home"),
                    "TMPDIR": str(folder / "tmp"), "XDG_RUNTIME_DIR": str(folder / "run"), **(env or {})}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        for name in ("home", "tmp", "run", "work"):
            (folder / name).mkdir(mode=0o700)
        self.began = time.time() - 1
        self.commands = 0

    def secret(self, name, value, *files):
        """A secret, and the files that are meant to hold it: inputs, and outputs that were asked for."""
        assert len(value) >= WINDOW
        for at in {0, len(value) - WINDOW}:
            for needle in spellings(value[at : at + WINDOW]):
                self.needles[needle] = name
        self.allow(name, *files)

    def allow(self, name, *files):
        for file in files:
            self.allowed.setdefault(pathlib.Path(file).resolve(), set()).add(name)

    def look(self, where, data, but=()):
        for needle, name in self.needles.items():
            if name not in but and needle in data:
                self.seen.append((str(where), name))

    def run(self, *line, code=0, secret_input=None):
        """Runs a command; @secret_input goes to file descriptor 3 through a pipe."""
        reading = None
        if secret_input is not None:
            reading, writing = os.pipe()
            os.write(writing, secret_input)
            os.close(writing)
        done = threading.Event()
        sampler = threading.Thread(target=self.sample, args=(done,))
        sampler.start()

        def keep_pipe():
            os.dup2(reading, 3)

        try:
            p = subprocess.run([str(word) for word in line], cwd=self.folder / "work", env=self.env, timeout=120,
                               capture_output=True, stdin=subprocess.DEVNULL, start_new_session=True,
                               pass_fds=(3,) if reading is not None else (),
                               preexec_fn=keep_pipe if reading is not None else None)
        finally:
            if reading is not None:
                os.close(reading)
            done.set()
            sampler.join()
        self.commands += 1
        self.look(f"output of {line[1:4]}", p.stdout + p.stderr)
        assert p.returncode == code, p.stderr.decode()
        return p.stdout

    def sample(self, done):
        """Arguments and environments of every process that may be looked at, all the time."""
        while not done.is_set():
            for entry in os.listdir("/proc"):
                if not entry.isdigit() or int(entry) == os.getpid():
                    continue
                for name in ("cmdline", "environ"):
                    try:
                        with open(f"/proc/{entry}/{name}", "rb") as f:
                            data = f.read()
                    except OSError:
                        continue  # gone, or not ours
                    if hash(data) not in self.known:
                        self.known.add(hash(data))
                        self.look(f"{name} of a process", data)
            time.sleep(0.01)

    def changed_files(self):
        for place in {str(self.folder), *PLACES}:
            for root, folders, names in os.walk(place, onerror=None):
                # What is mounted below, such as another system's /proc, is not files that programs leave.
                folders[:] = [folder for folder in folders if not os.path.ismount(os.path.join(root, folder))]
                for name in names:
                    path = pathlib.Path(root, name)
                    try:
                        st = path.lstat()
                    except OSError:
                        continue
                    if path.is_file() and not path.is_symlink() and st.st_ctime >= self.began and st.st_size <= LARGEST:
                        yield path

    def check(self):
        """Everything that was found where it must not be, as sorted texts."""
        files = 0
        for path in self.changed_files():
            try:
                data = path.read_bytes()
            except OSError:
                continue
            files += 1
            self.look(path, data, self.allowed.get(path.resolve(), ()))
        assert files > 0 and self.needles and self.commands
        return sorted({f"{name} in {where}" for where, name in self.seen})
