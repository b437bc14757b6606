"""Where the compiled functions of an object's methods are kept."""


class Methods(dict):
    """An object's compiled methods by what its classes define, which may have one name: a method
    and the one that it calls by super(). Kept on the object, so that plans are not shared by
    objects; copies of the object begin without."""

    NAME = "_compiled_methods"

    def __init__(self, instance=None):
        super().__init__()
        self.instance = instance

    def __reduce__(self):
        return (Methods, ())

    @classmethod
    def of(cls, instance):
        try:
            fields = instance.__dict__
            methods = fields.get(cls.NAME)
            if methods is None or methods.instance is not instance:  # of what this is a copy of
                methods = fields[cls.NAME] = cls(instance)
            return methods
        except (AttributeError, TypeError):  # __slots__; or a class, with a dict that is read-only
            raise TypeError(
                "[compile] expected a compiled method of an object with a __dict__, where its "
                f"plans are kept; got a {type(instance).__name__}. Name __dict__ in its __slots__, "
                "or compile a function."
            ) from None
