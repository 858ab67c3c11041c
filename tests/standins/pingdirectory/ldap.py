"""LDAP messages (RFC 4511), and a small client as the product's tools have one."""
import socket
import ssl

from standins.pingdirectory import ber

SUCCESS, OPERATIONS_ERROR, PROTOCOL_ERROR, AUTH_METHOD_NOT_SUPPORTED, CONFIDENTIALITY_REQUIRED = 0, 1, 2, 7, 13
NO_SUCH_ATTRIBUTE, NO_SUCH_OBJECT, INVALID_CREDENTIALS, INSUFFICIENT_ACCESS, UNWILLING, OTHER = 16, 32, 49, 50, 53, 80
SERVER_DOWN, PARAM_ERROR, CONNECT_ERROR = 81, 89, 91
START_TLS, WHO_AM_I = "1.3.6.1.4.1.1466.20037", "1.3.6.1.4.1.4203.1.11.3"
REPLACE_LISTENER, REPLACE_INTER_SERVER, PURGE_LISTENER, PURGE_INTER_SERVER = (
    f"1.3.6.1.4.1.30221.2.6.{last}" for last in (68, 69, 70, 71))


class Refusal(Exception):
    """An operation that did not succeed: a result code and a diagnostic message."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def message(number, tag, *contents):
    return ber.sequence(ber.integer(number), ber.element(tag, *contents))


def result(code, text="", matched=""):
    """The components of an LDAPResult."""
    return ber.enumerated(code) + ber.octets(matched) + ber.octets(text)


class Client:
    """One connection. trust: None for a connection without TLS, or an ssl.SSLContext to verify the server with."""

    def __init__(self, host, port, trust=None, start_tls=False):
        self.number = 0
        try:
            self.connection = socket.create_connection((host, port), timeout=60)
            if trust and start_tls:
                self.extended(START_TLS)
            if trust:
                self.connection = trust.wrap_socket(self.connection, server_hostname=host)
        except (OSError, ssl.SSLError) as error:
            raise Refusal(CONNECT_ERROR, f"cannot connect to {host}:{port}: {error}") from None

    def request(self, tag, *contents):
        """The responses to one request, as (tag, elements), up to the one with a result."""
        self.number += 1
        self.connection.sendall(message(self.number, tag, *contents))
        while True:
            received = ber.receive(self.connection)
            if received is None:
                raise Refusal(SERVER_DOWN, "the server has closed the connection")
            (_, number), (tag, content) = ber.elements(received)[:2]
            if ber.number(number) != self.number:
                raise Refusal(SERVER_DOWN, "the server is closing the connection")
            parts = ber.elements(content)
            yield tag, parts
            if tag != 0x64:
                code = ber.number(parts[0][1])
                if code:
                    raise Refusal(code, parts[2][1].decode())
                return

    def bind(self, dn, password):
        list(self.request(0x60, ber.integer(3), ber.octets(dn), ber.octets(password, 0x80)))

    def read(self, dn, *names):
        """One entry's attributes: lower-case name to values."""
        found = list(self.request(0x63, ber.octets(dn), ber.enumerated(0), ber.enumerated(0), ber.integer(0),
                                  ber.integer(0), ber.boolean(False), ber.octets("objectClass", 0x87),
                                  ber.sequence(*map(ber.octets, names))))
        attributes = {}
        for tag, parts in found:
            if tag == 0x64:
                for _, attribute in ber.elements(parts[1][1]):
                    (_, name), (_, values) = ber.elements(attribute)
                    attributes[name.decode().lower()] = [value for _, value in ber.elements(values)]
        return attributes

    def replace(self, dn, name, value):
        """One value in the place of all that were there."""
        change = ber.sequence(ber.octets(name), ber.element(ber.SET, ber.octets(value)))
        list(self.request(0x66, ber.octets(dn), ber.sequence(ber.sequence(ber.enumerated(2), change))))

    def extended(self, oid, value=None):
        """The response's value, or None."""
        contents = [ber.octets(oid, 0x80)] + ([ber.octets(value, 0x81)] if value is not None else [])
        (_, parts), = self.request(0x77, *contents)
        return next((content for tag, content in parts if tag == 0x8B), None)

    def close(self):
        self.connection.close()
