"""Who may do what on a cluster: users with one role each, the lock after failed logins, tokens, certificates.

rs/references/rest-api (401, 403), rs/references/rest-api/permissions (roles),
rs/security/access-control/manage-users/login-lockout, rs/references/rest-api/requests/users/authorize,
rs/security/certificates/certificate-based-authentication, rs/security/access-control/disable-basic-authentication."""
import base64
import secrets
import time

from cryptography import x509

# The permissions that the requests played here need, by role.
VIEWS = {"view_all_bdbs_info", "view_bdb_info", "view_cluster_info", "view_cluster_alerts", "view_node_info",
         "view_all_nodes_info", "view_crdb", "view_crdb_list", "view_crdb_task", "view_crdb_task_list",
         "view_status_of_cluster_action"}
DATABASES = VIEWS | {"update_bdb", "update_crdb"}
ROLES = {
    "none": set(),
    "db_viewer": VIEWS,
    "db_member": DATABASES,
    "cluster_viewer": VIEWS,
    "cluster_member": DATABASES | {"view_cluster_keys"},
    "user_manager": VIEWS | {"view_cluster_keys", "view_all_users_info", "update_user"},
    "admin": DATABASES | {"view_cluster_keys", "view_all_users_info", "update_user", "update_cluster"},
}
LONGEST_TOKEN = 86400


class User:
    def __init__(self, uid, email, password=None, role="admin", certificate_subject_line=None):
        self.uid = uid
        self.email = email
        self.password = password
        self.role = role
        self.certificate_subject_line = certificate_subject_line
        self.failures = []
        self.locked_at = None

    def may(self, permission):
        return permission in ROLES[self.role]

    def describe(self):
        return {"uid": self.uid, "email": self.email, "name": self.email, "role": self.role,
                "auth_method": "certificate" if self.certificate_subject_line else "regular",
                "status": "locked" if self.locked_at else "active"}


# Who uses the tools on a node itself: they need no login (rs/security/access-control/disable-basic-authentication).
LOCAL = User(0, "local")


class Access:
    """settings: login_lockout_threshold, login_lockout_counter_reset_after and login_lockout_duration, the
    last two in seconds; control_plane_basic_authentication and mtls_certificate_authentication."""

    def __init__(self, users, settings):
        self.settings = settings
        self.users = [User(uid, **user) for uid, user in enumerate(users, 1)]
        self._tokens = {}

    def user(self, email):
        return next((user for user in self.users if user.email == email), None)

    def identify(self, authorization, certificate):
        """(user or None, how they tried). authorization: the header or None; certificate: a client's DER, or
        None, already proven in the handshake."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(value), "bearer"
        if scheme.lower() == "basic":
            return self._by_password(value), "basic"
        if certificate and self.settings["mtls_certificate_authentication"]:
            return self._by_subject(certificate), "certificate"
        return None, "none"

    def _by_token(self, token):
        user, ends = self._tokens.get(token, (None, 0))
        return user if time.monotonic() < ends else None

    def _by_subject(self, certificate):
        subject = x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
        return next((user for user in self.users if user.certificate_subject_line == subject), None)

    def _by_password(self, value):
        try:
            email, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        user = self.user(email)
        if not user or not self.settings["control_plane_basic_authentication"] or self._locked(user):
            return None
        if user.password is not None and secrets.compare_digest(user.password.encode(), password.encode()):
            user.failures.clear()
            return user
        self._count_failure(user)
        return None

    def _locked(self, user):
        duration = self.settings["login_lockout_duration"]
        if user.locked_at is None:
            return False
        if duration and time.monotonic() - user.locked_at >= duration:
            self.unlock(user)
            return False
        return True

    def _count_failure(self, user):
        now = time.monotonic()
        window = self.settings["login_lockout_counter_reset_after"]
        user.failures = [failure for failure in user.failures if now - failure < window] + [now]
        threshold = self.settings["login_lockout_threshold"]
        if threshold and len(user.failures) >= threshold:
            user.locked_at = now

    def unlock(self, user):
        user.failures.clear()
        user.locked_at = None

    def set_password(self, user, password):
        """An administrator's reset, which unlocks too."""
        user.password = password
        self.unlock(user)

    def token_for(self, user, seconds):
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (user, time.monotonic() + seconds)
        return token
