/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a configuration with a setting of each type: read and the same after printing, or one
 * line that says why not. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {"auto", "erspan", "nflog", NULL};

static const struct conf_option inner[] = {
    {.name = "url", .type = CONF_STRING},
    {.name = "every", .type = CONF_DURATION, .min = CLK_S, .max = 3600 * CLK_S, .preset = "5m"},
    {.name = "nets", .type = CONF_PREFIX, .list = true},
    {.type = CONF_END},
};

static const struct conf_option options[] = {
    {.name = "name", .type = CONF_STRING},
    {.name = "on", .type = CONF_BOOL, .preset = "yes"},
    {.name = "n", .type = CONF_NUMBER, .min = 1, .max = 100, .preset = "7"},
    {.name = "size", .type = CONF_SIZE},
    {.name = "rate", .type = CONF_RATE},
    {.name = "addr", .type = CONF_ADDR},
    {.name = "to", .type = CONF_ENDPOINT},
    {.name = "path", .type = CONF_PATH, .preset = "/run"},
    {.name = "word", .type = CONF_WORD, .words = words},
    {.name = "keys", .type = CONF_STRING, .list = true},
    {.name = "feed", .type = CONF_SECTION, .titled = true, .options = inner},
    {.name = "one", .type = CONF_SECTION, .options = inner},
    {.type = CONF_END},
};

struct print {
	char text[65536];
	size_t n;
};

static void
take(void *user, const char *text)
{
	struct print *p = user;
	size_t more = strlen(text);

	if (p->n + more < sizeof p->text) {
		memcpy(p->text + p->n, text, more + 1);
		p->n += more;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct print first, second;
	struct conf *conf;
	char error[CONF_ERROR_MAX] = "", *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	first.n = second.n = 0;
	int r = conf_parse("f.conf", text, options, &conf, error);
	free(text);
	if (r < 0) {
		if (error[0] == '\0' || strchr(error, '\n'))
			abort();
		return 0;
	}
	conf_print(conf, take, &first);
	conf_free(&conf);
	if (first.n > sizeof first.text / 2)
		return 0;
	if (conf_parse("again.conf", first.text, options, &conf, error) < 0) {
		fprintf(stderr, "%s\n%s", error, first.text);
		abort();
	}
	conf_print(conf, take, &second);
	conf_free(&conf);
	if (strcmp(first.text, second.text) != 0)
		abort();
	return 0;
}
