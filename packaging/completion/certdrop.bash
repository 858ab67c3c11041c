# shellcheck shell=bash
# Completion of certdrop for bash. What there is to offer is asked of the program that is being called: commands and
# options of its help, targets and profiles of its configuration. Neither needs a service, a lock or a right but to read.

_certdrop_targets() { # PROGRAM [OPTION...]
	"$@" --json check 2>/dev/null | sed -n 's/^ *"target": "\([^"]*\)",*$/\1/p'
}

# Of all targets: which one it is for may not be written yet.
_certdrop_profiles() { # PROGRAM [OPTION...]
	"$@" --json check 2>/dev/null | sed -n '/"profiles": \[/,/\]/s/^ *"\([^":]*\)",*$/\1/p' | sort -u
}

_certdrop() {
	local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} call=("${COMP_WORDS[0]}")
	local help previous='' command='' line i
	COMPREPLY=()
	help=$("$program" --help 2>/dev/null) || return

	# What stands before the word: the command, and a configuration of its own.
	for ((i = 1; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = = ] && continue
		case $previous in
		--config | -c) call=("$program" --config "${COMP_WORDS[i]/#\~/$HOME}") ;;
		--for | --wait) ;;
		*) [[ $command || ${COMP_WORDS[i]} == -* ]] || command=${COMP_WORDS[i]} ;;
		esac
		previous=${COMP_WORDS[i]}
	done
	[ "$current" = = ] && current=

	line=$(sed -n "s/^  $command \(.*\)/\1/p" <<<"$help")
	case $previous in
	--config | -c) mapfile -t COMPREPLY < <(compgen -f -- "$current") ; compopt -o filenames; return ;;
	--for) mapfile -t COMPREPLY < <(compgen -W "$(_certdrop_targets "${call[@]}")" -- "$current"); return ;;
	--wait) return ;;
	esac

	if [[ $current == -* ]]; then
		# An option that a command has names it in its line; the others are for all.
		local flags
		flags=$(sed -n 's/^  \(-[a-z], \)*\(--[a-z]*\).*/\2/p' <<<"$help" | while read -r flag; do
			grep -q "^  [a-z].*$flag" <<<"$help" && [[ $line != *$flag* ]] || echo "$flag"
		done)
		mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
	elif [ -z "$command" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^  \([a-z]*\) .*/\1/p' <<<"$help")" -- "$current")
	elif [[ $line == FILE* ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames
	elif [[ $line == PROFILE* ]]; then
		[ "$previous" = "$command" ] || return
		mapfile -t COMPREPLY < <(compgen -W "$(_certdrop_profiles "${call[@]}")" -- "$current")
	elif [[ $line == TARGET* || $line == \[TARGET* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_certdrop_targets "${call[@]}")" -- "$current")
	fi
}

complete -F _certdrop certdrop
