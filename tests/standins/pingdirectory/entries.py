"""Directory entries: names, filters, and the LDIF file in which the configuration is kept (RFC 2849)."""
import base64
import re

from standins.pingdirectory import ber

BASE, ONE, SUB = 0, 1, 2


def normal(dn):
    """A name to compare by: case and blanks round the separators do not count."""
    return tuple(part.strip().lower().replace(" =", "=").replace("= ", "=")
                 for part in re.split(r"(?<!\\),", dn) if part.strip())


class Entry:
    def __init__(self, dn, attributes):
        self.dn = dn
        # By lower-case name: (the name as written, the values as bytes).
        self.attributes = {}
        for name, values in attributes.items():
            self.put(name, values)

    def put(self, name, values):
        values = [value.encode() if isinstance(value, str) else value for value in
                  (values if isinstance(values, list) else [values])]
        if values:
            self.attributes[name.lower()] = (name, values)
        else:
            self.attributes.pop(name.lower(), None)

    def values(self, name):
        return self.attributes.get(name.lower(), (name, []))[1]

    def texts(self, name):
        return [value.decode() for value in self.values(name)]


class Entries:
    def __init__(self, entries=()):
        self.by_name = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry):
        self.by_name[normal(entry.dn)] = entry

    def get(self, dn):
        return self.by_name.get(normal(dn))

    def below(self, dn):
        """The entry and everything under it, in the order of their depth and name."""
        base = normal(dn)
        return [self.by_name[name] for name in sorted(self.by_name, key=lambda name: (len(name), name))
                if name[len(name) - len(base):] == base]

    def replace_below(self, dn, entries):
        for entry in self.below(dn):
            del self.by_name[normal(entry.dn)]
        for entry in entries:
            self.add(entry)

    def search(self, dn, scope, wanted):
        """The entries found, or None where there is no such base."""
        base = normal(dn)
        if base and base not in self.by_name:
            return None
        depth = {BASE: lambda n: n == 0, ONE: lambda n: n == 1, SUB: lambda n: True}[scope]
        return [entry for entry in self.below(dn) if depth(len(normal(entry.dn)) - len(base)) and wanted(entry)]


# ---- filters (RFC 4511, section 4.5.1.7) ----

def substrings(parts):
    patterns = {0x80: "^%s", 0x81: "%s", 0x82: "%s$"}
    expressions = [re.compile(patterns[tag] % re.escape(text.decode()), re.IGNORECASE) for tag, text in parts]
    return lambda value: all(expression.search(value) for expression in expressions)


def condition(tag, content):
    """A filter as a function of an entry. Ordering and extensible matches are not known: never true."""
    if tag in (0xA0, 0xA1):
        parts = [condition(*part) for part in ber.elements(content)]
        return (lambda entry: all(part(entry) for part in parts)) if tag == 0xA0 else \
            (lambda entry: any(part(entry) for part in parts))
    if tag == 0xA2:
        inner = condition(*ber.only(content))
        return lambda entry: not inner(entry)
    if tag == 0x87:
        name = content.decode()
        return lambda entry: name.lower() == "objectclass" or bool(entry.values(name))
    if tag in (0xA3, 0xA8):
        name, value = (part.decode() for _, part in ber.elements(content))
        return lambda entry: value.lower() in (text.lower() for text in entry.texts(name))
    if tag == 0xA4:
        (_, name), (_, parts) = ber.elements(content)
        matches = substrings(ber.elements(parts))
        return lambda entry: any(matches(text) for text in entry.texts(name.decode()))
    return lambda entry: False


# ---- LDIF ----

def written(entries):
    """With long lines folded, and in base64 what has line ends in it: as the product writes config.ldif."""
    lines = []
    for entry in entries:
        lines.append(f"dn: {entry.dn}")
        for name, values in entry.attributes.values():
            for value in values:
                plain = re.fullmatch(rb"[!-9;=-~][ -~]*[!-~]|[!-9;=-~]", value)
                lines.append(f"{name}: {value.decode()}" if plain
                             else f"{name}:: {base64.b64encode(value).decode()}")
        lines.append("")
    return "".join(line[:76] + "".join(f"\n {line[at:at + 75]}" for at in range(76, len(line), 75)) + "\n"
                   for line in lines)


def read(text):
    entries = []
    for record in re.split(r"\n\n+", text.replace("\n ", "").strip()):
        pairs = []
        for line in record.splitlines():
            name, _, value = line.partition(":")
            pairs.append((name, base64.b64decode(value[1:]) if value.startswith(":") else value.strip().encode()))
        entry = Entry(pairs[0][1].decode(), {})
        for name, value in pairs[1:]:
            entry.put(name, [*entry.values(name), value])
        entries.append(entry)
    return entries
