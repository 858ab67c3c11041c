"""BER as LDAP uses it (RFC 4511, section 5.1): definite lengths, one-byte tags."""

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
LIMIT = 16 * 1024 * 1024


class Malformed(Exception):
    pass


def element(tag, *contents):
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def octets(value, tag=OCTETS):
    return element(tag, value if isinstance(value, bytes) else value.encode())


def integer(value, tag=INTEGER):
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def enumerated(value):
    return integer(value, ENUMERATED)


def boolean(value, tag=BOOLEAN):
    return element(tag, b"\xff" if value else b"\0")


def sequence(*contents):
    return element(SEQUENCE, *contents)


def number(content):
    return int.from_bytes(content, "big", signed=True)


def header(content, at=0):
    """(tag, where its content begins, how long that is), or None: there are not enough bytes for a header."""
    if len(content) - at < 2:
        return None
    tag, length, start = content[at], content[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 0 < size < 5:
            raise Malformed("a length of this form")
        if len(content) - start < size:
            return None
        length, start = int.from_bytes(content[start:start + size], "big"), start + size
    if length > LIMIT:
        raise Malformed(f"an element of {length} bytes")
    return tag, start, length


def elements(content):
    """What a constructed value holds: a list of (tag, content)."""
    found, at = [], 0
    while at < len(content):
        head = header(content, at)
        if not head or head[1] + head[2] > len(content):
            raise Malformed("an element is longer than what it is in")
        tag, start, length = head
        found.append((tag, content[start:start + length]))
        at = start + length
    return found


def only(content):
    """The one element that the content is."""
    found = elements(content)
    if len(found) != 1:
        raise Malformed("more or less than one element")
    return found[0]


def receive(connection):
    """The content of the next LDAPMessage, and not a byte more; None at the end."""
    content = b""
    while True:
        head = header(content)
        wanted = head[1] + head[2] - len(content) if head else 1
        if wanted == 0:
            return only(content)[1]
        more = connection.recv(wanted if head else 1)
        if not more:
            return None
        content += more
