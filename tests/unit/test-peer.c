#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "controller/apply/peer.h"
#include "controller/base/message.h"
#include "controller/base/owned.h"

enum { NOBODY = 65534 };

/* One end of a pair that was made by the user `maker`. */
static int end_made_by(uid_t maker)
{
	struct error error;
	int pair[2];
	bool made;

	assert_int_equal(seteuid(maker), 0);
	made = message_pair(pair, &error);
	assert_int_equal(seteuid(getuid()), 0);
	assert_true(made);
	assert_int_equal(close(pair[1]), 0);
	return pair[0];
}

static void its_own_user_may_command(void **state)
{
	autoclose int end = end_made_by(getuid());
	struct error error;

	(void)state;
	assert_true(peer_check(end, NULL, &error));
	assert_true(peer_check(end, "nobody", &error));
}

static void somebody_else_may_not(void **state)
{
	autoclose int end = -1;
	struct error error;

	(void)state;
	if (getuid() != 0)
		skip();
	end = end_made_by(NOBODY);
	assert_false(peer_check(end, NULL, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text, "user 65534 may not tell it what to do");
	assert_false(peer_check(end, "daemon", &error));
	assert_true(peer_check(end, "nobody", &error));
}

static void a_user_that_is_not_there_is_a_mistake(void **state)
{
	autoclose int end = end_made_by(getuid());
	struct error error;

	(void)state;
	assert_false(peer_check(end, "no-such-user", &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text, "there is no user \"no-such-user\"");
}

static void what_is_no_socket_has_no_peer(void **state)
{
	autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct error error;

	(void)state;
	assert_false(peer_check(null, NULL, &error));
	assert_int_equal(error.kind, ERROR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_own_user_may_command),
		cmocka_unit_test(somebody_else_may_not),
		cmocka_unit_test(a_user_that_is_not_there_is_a_mistake),
		cmocka_unit_test(what_is_no_socket_has_no_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
