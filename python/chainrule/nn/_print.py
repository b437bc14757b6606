"""`repr` of a module, line by line as PyTorch prints it."""


def describe(module, lines):
    """Name, `extra_repr` and the (label, text) lines of the children."""
    extra = module.extra_repr()
    body = extra.split("\n") if extra else []
    if not lines and len(body) <= 1:  # "Linear(in_features=4, out_features=3, bias=True)"
        return f"{module._get_name()}({extra})"
    body += [f"({label}): {_indent(text)}" for label, text in lines]
    return f"{module._get_name()}(\n  " + "\n  ".join(body) + "\n)"


def fold(texts):
    """Children 0, 1, 2, ... with runs of equal ones as one line: "(0-2): 3 x Linear(...)"."""
    lines, start = [], 0
    for i in range(1, len(texts) + 1):
        if i == len(texts) or texts[i] != texts[start]:
            count = i - start
            if count == 1:
                lines.append((str(start), texts[start]))
            else:
                lines.append((f"{start}-{i - 1}", f"{count} x {texts[start]}"))
            start = i
    return lines


def _indent(text):
    return text.replace("\n", "\n  ")
