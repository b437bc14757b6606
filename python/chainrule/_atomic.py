"""Writing a file so that a reader sees the old one or the new one, never a part.

The bytes go to a temporary file in the same folder, are flushed to the disk, and replace the target
in one `os.replace`. On any error, Ctrl-C included, the temporary file is removed and the target is
untouched.
"""

import contextlib
import errno
import os
import secrets


@contextlib.contextmanager
def atomic_write(path):
    """Open `path` for writing bytes; it appears, whole, when the block ends without an
    exception."""
    # A symbolic link keeps pointing at the new content.
    target = os.path.realpath(os.fsdecode(path))
    if os.path.exists(target) and not os.path.isfile(target):
        # A folder, a device or a pipe must not be replaced by a file.
        raise OSError(errno.EINVAL, "[save] expected a regular file or a new name", target)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    # Not tempfile: its files are private (0600); the umask should decide, as for any written file.
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:  # about a name that nobody gave
        raise OSError(error.errno, error.strerror, target) from None
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def write_text(path, text):
    """Write a text file (UTF-8) atomically."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def _sync_folder(folder):
    """Make the rename itself durable; file systems that cannot do it are left as they are."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
