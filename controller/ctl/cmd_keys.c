/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/base/keys.h"
#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/words.h"

static void
print_public(struct ctl *ctl, const struct keys_pair *pair, const char *file)
{
	char key[KEYS_TEXT_MAX], fingerprint[KEYS_FINGERPRINT_MAX];

	keys_format(pair->public_key, key);
	keys_fingerprint(pair->public_key, fingerprint);
	if (!ctl->json) {
		fprintf(ctl->out.file, "%s\n", key);
		return;
	}
	out_print(&ctl->out,
	    json_pack("{s:s,s:s,s:s*}", "public", key, "fingerprint", fingerprint, "file", file));
}

int
cmd_genkey(struct ctl *ctl)
{
	char text[KEYS_TEXT_MAX], error[CTL_TEXT_MAX];
	struct keys_pair pair;
	struct stat st;
	int r = CTL_EXIT_OK;

	if (keys_init() < 0)
		return ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_INTERNAL,
		    "there are no random numbers to be had");
	keys_generate(&pair);
	keys_format(pair.secret_key, text);
	if (ctl->arg_count) {
		if (keys_save(ctl->args[0], &pair, error, sizeof error) < 0)
			r = ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_INTERNAL, "%s", error);
		else
			print_public(ctl, &pair, ctl->args[0]);
	} else if (ctl->json) {
		char key[KEYS_TEXT_MAX];

		out_print(&ctl->out, json_pack("{s:s,s:s}", "secret", text, "public",
					 keys_format(pair.public_key, key)));
	} else {
		if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
			fprintf(stderr,
			    "finderscopectl: others can read that file; better: finderscopectl "
			    "genkey FILE\n");
		fprintf(ctl->out.file, "%s\n", text);
	}
	sodium_memzero(&pair, sizeof pair);
	sodium_memzero(text, sizeof text);
	return r;
}

static int
read_secret(struct ctl *ctl, struct keys_pair *ret_pair)
{
	uint8_t secret[KEYS_SIZE];
	char text[256], error[CTL_TEXT_MAX];
	size_t size;
	int r;

	if (ctl->arg_count) {
		if (keys_load(ctl->args[0], ret_pair, error, sizeof error) < 0)
			return ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_BAD_REQUEST, "%s", error);
		return CTL_EXIT_OK;
	}
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "finderscopectl: the secret key, then the end of input:\n");
	size = fread(text, 1, sizeof text - 1, stdin);
	text[size] = '\0';
	r = keys_parse(text, secret);
	if (r == 0)
		r = keys_from_secret(secret, ret_pair);
	sodium_memzero(text, sizeof text);
	sodium_memzero(secret, sizeof secret);
	if (r < 0)
		return ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_BAD_REQUEST,
		    "the input is no secret key: 44 characters of base64, as genkey prints them");
	return CTL_EXIT_OK;
}

int
cmd_pubkey(struct ctl *ctl)
{
	struct keys_pair pair;
	int r;

	if (keys_init() < 0)
		return ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_INTERNAL,
		    "there are no random numbers to be had");
	r = read_secret(ctl, &pair);
	if (r == CTL_EXIT_OK)
		print_public(ctl, &pair, NULL);
	sodium_memzero(&pair, sizeof pair);
	return r;
}

/* What the table of words prints, as it is or as a JSON string. */
static int
print_words(struct ctl *ctl, const char *key, int (*print)(struct ctl *ctl, FILE *file))
{
	char *text = NULL;
	size_t size = 0;
	FILE *file;
	int r;

	if (!ctl->json)
		return print(ctl, ctl->out.file);
	file = open_memstream(&text, &size);
	r = file ? print(ctl, file) : -ENOMEM;
	if (file)
		fclose(file);
	if (r == 0)
		out_print(&ctl->out, json_pack("{s:s}", key, text));
	free(text);
	return r;
}

static int
print_completion(struct ctl *ctl, FILE *file)
{
	return words_completion(ctl->args[0], file);
}

int
cmd_completion(struct ctl *ctl)
{
	if (print_words(ctl, "completion", print_completion) == 0)
		return CTL_EXIT_OK;
	return ask_fail(ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST,
	    "completion: \"%.40s\" is none of bash and zsh", ctl->args[0]);
}

static int
print_help(struct ctl *ctl, FILE *file)
{
	words_usage(ctl->word, ctl->group, file);
	return 0;
}

int
cmd_help(struct ctl *ctl)
{
	return print_words(ctl, "help", print_help) == 0 ? CTL_EXIT_OK : CTL_EXIT_REFUSED;
}
