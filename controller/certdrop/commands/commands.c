#include "controller/certdrop/commands/commands.h"

#include "controller/certdrop/commands/command.h"

enum { ANY = 1000 };

const struct command commands[] = {
	{ "run", "", "the service, in the foreground",
			"The service, in the foreground. It watches, brings targets in line, and writes "
			"one line for each event to its standard error. SIGHUP makes it read the "
			"configuration again: if that is wrong, it says so and keeps the old one; else a "
			"change that is under way comes to its end first, however long that takes. On "
			"SIGTERM and SIGINT it brings to an end what is under way, if that takes no more "
			"than a few seconds; what is cut short is taken up again at the next start. It "
			"tells systemd when it is ready, and answers its watchdog.",
			0, 0, command_run },
	{ "check", "", "is the configuration sound",
			"Is the configuration sound? Every mistake is told with its file, its line and "
			"the nearest valid word; what it names that this machine lacks, and what is "
			"allowed and hardly meant, is told, too, and is no mistake. With `--json`, the targets are listed. Exits with 0 if it is "
			"sound, with 1 if not.",
			0, 0, command_check },
	{ "inspect", "FILE... [--for TARGET]", "what is in it, would it be accepted, why not",
			"What is in these files, taken together as if they had been dropped together? With "
			"`--for` it is judged by the rules and with the passphrases of that target. "
			"Nothing is changed. Exits with 0 if there is a credential that would be "
			"accepted, with 1 if not.",
			1, ANY, command_inspect },
	{ "plan", "[TARGET...]", "what would be done now",
			"What would be done now, step by step, for these targets or for all? It is the "
			"very text that the worker would be handed. Exits with 0 if there is nothing to "
			"do, with 2 if there is something, with 1 if that could not be found out.",
			0, ANY, command_ask },
	{ "apply", "[TARGET...]", "do it once; also what was parked, when named",
			"Brings these targets, or all, in line now, and waits until that is done. What was "
			"put back is parked, and only tried again when its target is named here. Exits "
			"with 0 if all of them are in service, with 1 if not.",
			0, ANY, command_ask },
	{ "status", "[TARGET...] [--wait SECONDS]", "wanted, installed, served; state and reason",
			"The three views of these targets, or of all: what is wanted, what is installed, "
			"what is served. With them the state, the reason, what comes next, and warnings. "
			"With `--wait` it waits until all of them are in service, but no longer than "
			"that. Exits with 0 if all of them are in service, with 1 if not.",
			0, ANY, command_ask },
	{ "explain", "TARGET", "why the views differ, or why nothing happens",
			"Why the views of the target differ, or why nothing happens, in sentences. The "
			"product is asked anew for it. Exits with 0, whatever they say.",
			1, 1, command_ask },
	{ "history", "[TARGET]", "what was done, step by step",
			"What was done, the latest first, step by step, with times; and where other sites "
			"had to be told, the gap: how long it was from the change until the last of "
			"them had been told. Exits with 0, whatever it tells.",
			0, 1, command_ask },
	{ "rollback", "TARGET", "put the predecessor back, proven",
			"Puts the predecessor of what is in service back, proven as any change is. It "
			"waits for no window. The predecessor stays until something else is dropped. "
			"Exits with 0 if it is in service, with 1 if not.",
			1, 1, command_ask },
	{ "generate", "PROFILE --for TARGET [--request]",
			"a new key with a self-signed certificate, or a request, into the drop",
			"Makes a new private key and a self-signed certificate in the drop of the target, or "
			"with `--request` a key and a certificate signing request for it, which then "
			"waits for what an authority makes of it. A profile of the target's product "
			"says what is usual, and the target's settings the rest. The files are private "
			"from their first moment. It is run as root, or as the user of the service. "
			"Exits with 0 if it is made, with 1 if not.",
			1, 1, command_generate },
	{ 0 },
};

const struct flag flags[] = {
	{ "config", 'c', "FILE", "the configuration, if not /etc/certdrop/certdrop.conf",
			"Another configuration than /etc/certdrop/certdrop.conf. Like all options it may "
			"stand before or behind the command." },
	{ "json", 0, NULL, "print facts as JSON", "Print facts as JSON, see certdrop-json(5)." },
	{ "for", 0, "TARGET", "the target that inspect and generate are for",
			"The target that `inspect` and `generate` are for." },
	{ "wait", 0, "SECONDS", "how long status waits",
			"How long `status` waits until the targets are in service." },
	{ "request", 0, NULL, "let generate write a request",
			"Make `generate` write a request instead of a certificate." },
	{ "help", 'h', NULL, "print this", "Print the commands and options." },
	{ "version", 0, NULL, "print the version", "Print the version." },
	{ 0 },
};
