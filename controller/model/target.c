#include "controller/model/target.h"

#include <string.h>

enum { NAME_MAX_LENGTH = 64 };

static const char *const key_types[] = { "RSA", "EC", "Ed25519", "Ed448", "RSA-PSS", NULL };
static const char *const chains[] = { "any", "complete", "root", NULL };

/* What they mean together is in controller/certdrop/pass/windows.h. */
static const struct option window_options[] = {
	{ "days", OPTION_WORDS,
			.help = "The days on which it opens: \"sat\", \"mon-fri\". Without them, "
				"every day." },
	{ "from", OPTION_TEXT, .required = true, .help = "When it opens: \"22:00\"." },
	{ "to", OPTION_TEXT, .required = true,
			.help = "When it closes: \"04:00\", on the day after unless that is later "
				"than `from`." },
	{ "zone", OPTION_TEXT,
			.help = "The time zone of these times: \"Europe/Zurich\". Without it, the "
				"machine's own." },
	{ "for", OPTION_WORDS,
			.help = "What is bound to it: \"reload\", \"restart\", \"remote\" (what "
				"touches other sites), \"purge\" (what takes away a retired "
				"certificate). Without it, restart and remote: a reload interrupts "
				"nobody. A purge keeps to the windows of remote, unless one is for "
				"purge." },
	{ NULL },
};

const struct option target_options[] = {
	{ "name", OPTION_TEXT, .required = true, .unique = true,
			.help = "The target's name, and that of its sub-directory of the drop: "
				"at most 64 letters, digits, dots, dashes and underscores, not "
				"beginning with a dot." },
	{ "product", OPTION_TEXT, .required = true, .help = "Which reconciler looks after it." },
	{ "from", OPTION_TEXT,
			.help = "The sub-directory of the drop that feeds it, when that is not its "
				"own name. Several targets may be fed by one." },
	{ "source", OPTION_PATH, FORM_DIRECTORY,
			.help = "A directory that another tool writes (a git checkout, certbot's "
				"live, a Kubernetes volume), to be read instead of the drop. "
				"Nothing is ever written there, so it cannot lie below `drop`." },
	{ "source-root", OPTION_PATH, FORM_DIRECTORY,
			.help = "The directory, at or above `source`, that no symbolic link in it "
				"may lead out of. Without it, that is `source` itself." },
	{ "authorities", OPTION_PATH, FORM_FILE,
			.help = "A file of PEM certificates with which an incomplete chain may be "
				"completed, and up to which `chain` is judged." },
	{ "passphrases", OPTION_PATH, FORM_FILE,
			.help = "A file of passphrases, one a line, which are tried on encrypted "
				"keys and key stores. Nobody else should be able to read it. Once it has "
				"changed, what was refused is judged anew." },
	{ "names", OPTION_WORDS, FORM_COVERED,
			.help = "Names that a certificate must cover to be accepted: "
				"\"db1.example\", \"*.cluster.example\", \"192.0.2.1\"." },
	{ "usages", OPTION_WORDS, FORM_USAGE,
			.help = "Extended key usages that a certificate must allow to be "
				"accepted: \"serverAuth\", \"clientAuth\"." },
	{ "key-types", OPTION_WORDS, .choices = key_types,
			.help = "Types of keys that are accepted: \"RSA\", \"EC\", \"Ed25519\", "
				"\"Ed448\", \"RSA-PSS\". All, when there is none." },
	{ "chain", OPTION_CHOICE, .choices = chains,
			.help = "How complete the chain must be: \"any\", \"complete\" (up to one "
				"of `authorities`) or \"root\" (with the root itself); of what has to be "
				"complete nothing may have ended. Without it, what the product "
				"needs." },
	{ "allow-downgrade", OPTION_FLAG, .fallback = "false",
			.help = "Accept a certificate that ends earlier than the one in service, "
				"has ended, or was retired before." },
	{ "hold", OPTION_FLAG, .fallback = "false",
			.help = "Change nothing: what would be done is shown, and waits until this "
				"is false." },
	{ "windows", OPTION_GROUPS, .members = window_options,
			.help = "When the target may be disturbed. What a window is for begins only "
				"while one is open, and only if it fits in; until then the target is "
				"held. What no window is for begins at any time, and so does going "
				"back." },
	{ "window-override", OPTION_DURATION, .fallback = "48h", .max = 1000LL * 24 * 3600 * 1000,
			.help = "So long before the end of the certificate that is served windows "
				"count no more, so that it is replaced in time. \"0s\": they count "
				"until it has ended." },
	{ "expected", OPTION_DURATION, .min = 1000, .max = 24LL * 3600 * 1000,
			.help = "How much of a window a change needs. Without it, what the last ones "
				"took, a minute at least." },
	{ "after", OPTION_WORDS, FORM_TARGET,
			.help = "Targets that come first: nothing is changed here as long as there "
				"is something to do for one of them." },
	{ "check", OPTION_DURATION, .min = 1000, .max = 7LL * 24 * 3600 * 1000,
			.help = "How often the target is asked what it serves. Without it, the "
				"`check` of all targets counts." },
	{ "key-alias", OPTION_TEXT,
			.help = "The alias of the private key to take from a key store (JKS, "
				"PKCS#12), in upper or lower case. Needed only where a store "
				"holds more than one private key." },
	{ "key-passphrases", OPTION_PATH, FORM_FILE,
			.help = "A file of passphrases, one a line, for private keys alone: in a "
				"Java key store a key may have another password than the store." },
	{ NULL },
};

const char *target_drop(const struct target *target)
{
	const char *from = setting_text(target->settings, "from");

	if (setting_given(target->settings, "source"))
		return NULL;
	return from ? from : target->name;
}

const char *target_source_root(const struct target *target)
{
	const char *root = setting_text(target->settings, "source-root");

	return root ? root : setting_text(target->settings, "source");
}

bool target_name_is_valid(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const size_t length = strlen(name);

	return length > 0 && length <= NAME_MAX_LENGTH && *name != '.' &&
			strspn(name, allowed) == length;
}
