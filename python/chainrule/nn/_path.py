"""Where in a network an error came from: the module's path is put together while the error unwinds.

Nothing is done until something fails. Then every `Module.__call__` on the way out adds the name by
which it knows the module below: `in Net.layers.2 (Linear): [linear] expected ...`. The exception
keeps its class. Errors in chainrule's own form, "[op] expected ...", get the path in front of their
message; any other exception keeps its arguments untouched and carries the path as a note (PEP 678).
"""


def add(error, module):
    """Extend the path on `error` by `module`, whose call it is leaving."""
    trail = getattr(error, "_module_trail", None)
    if trail is None:
        innermost, path, message = type(module).__name__, "", error.args[0] if error.args else None
        note = None
    else:
        last, innermost, path, message, note = trail
        if last == id(module):  # a module that calls itself, or super().__call__
            return
        path = f".{_name_of(module, last)}{path}"
    where = f"in {type(module).__name__}{path} ({innermost})" if path else f"in {innermost}"
    # ids and strings only: an exception stays picklable and keeps no module alive
    error._module_trail = (id(module), innermost, path, message, where)
    if isinstance(message, str) and message.startswith("["):
        error.args = (f"{where}: {message}", *error.args[1:])
    else:
        if note is not None:
            error.__notes__.remove(note)
        error.add_note(where)


def _name_of(module, target):
    for name, child in module.named_modules():
        if id(child) == target:
            return name
    return "?"  # called from a plain list or a closure: not registered, so it has no name
