"""Users: rs/references/rest-api/requests/users and .../users/authorize."""
from .access import LONGEST_TOKEN
from .http1 import Response
from .upload import Refused


async def get_users(call):
    return [user.describe() for user in call.cluster.access.users]


async def put_user(call):
    user = next((user for user in call.cluster.access.users if user.uid == int(call.words[0])), None)
    if not user:
        raise Refused(404, "user_not_exist", "there is no such user")
    change = call.body()
    if "password" in change:
        call.cluster.access.set_password(user, change["password"])
    return user.describe()


async def authorize(call):
    """The token's time to live is 1 to 86400 seconds, 300 when it is not given."""
    seconds = call.body().get("ttl", 300) if call.request.body else 300
    if not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_TOKEN:
        raise Refused(400, "bad_request", "ttl is out of range")
    return Response(200, {"access_token": call.cluster.access.token_for(call.user, seconds)})


ROUTES = [
    ("GET", "/v1/users", "view_all_users_info", get_users),
    ("PUT", "/v1/users/([0-9]+)", "update_user", put_user),
    ("POST", "/v1/users/authorize", None, authorize),
]
