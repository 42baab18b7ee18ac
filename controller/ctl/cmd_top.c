/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live view: status in three lines and the captures with their rates, once a second, on the
 * terminal's other screen, which whatever ends it gives back: q, an interrupt, an error. Owns the
 * last look, which rates are counted from.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/list.h"

#define REDRAW_MS 1000
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

struct top_row {
	struct ctl_capture c; /* first: the columns of captures read it */
	uint64_t bps;
	bool counted; /* bps is known */
};

/* One look. */
struct look {
	struct ctl_status status;
	bool seen;
	struct instant when;
	struct top_row *rows;
	size_t count, room;
};

static void
make_rate(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct top_row *top = row;

	(void)ret_colour;
	if (top->counted)
		text_table_rate(top->bps, text);
}

#define C(title, kind, name)                                                                       \
	{                                                                                          \
		NULL, title, kind, offsetof(struct ctl_capture, name),                             \
		    sizeof(((struct ctl_capture *)0)->name), NULL, NULL                            \
	}
static const struct out_column columns[] = {
    C("ID", OUT_NUMBER, id),
    {NULL, "STATE", OUT_MAKE, 0, 0, list_make_state, NULL},
    {NULL, "RATE", OUT_MAKE, 0, 0, make_rate, NULL},
    C("PACKETS", OUT_NUMBER, packets),
    C("BYTES", OUT_BYTES, bytes),
    C("AGE", OUT_MS, age_ms),
    C("LEFT", OUT_LEFT, left_ms),
    {NULL, "SWITCHES", OUT_MAKE, 0, 0, list_make_switches, NULL},
    {NULL, "FILTER", OUT_MAKE, 0, 0, list_make_filter, NULL},
    {NULL, "WHY", OUT_MAKE, 0, 0, list_make_why, NULL},
    {.kind = OUT_END},
};
#undef C

static int
take(void *user, enum ctl_row kind, const void *row)
{
	struct look *look = user;

	if (kind == CTL_ROW_STATUS) {
		look->status = *(const struct ctl_status *)row;
		look->seen = true;
	}
	if (kind != CTL_ROW_CAPTURE)
		return 0;
	if (look->count == look->room) {
		size_t room = look->room ? 2 * look->room : 64;
		struct top_row *rows = reallocarray(look->rows, room, sizeof *rows);

		if (rows == NULL)
			return 0; /* the rest is not shown */
		look->rows = rows;
		look->room = room;
	}
	look->rows[look->count++] = (struct top_row){.c = *(const struct ctl_capture *)row};
	return 0;
}

static int
ask_look(struct ctl *ctl, struct look *look)
{
	struct ctl_request status = {.verb = CTL_STATUS}, captures = {.verb = CTL_CAPTURES};
	int r;

	look->count = 0;
	look->seen = false;
	look->when = clk_now();
	r = ask(ctl, &status, take, look, NULL);
	return r == CTL_EXIT_OK ? ask(ctl, &captures, take, look, NULL) : r;
}

/* A second; 0: there is no look before. A counter that went back is a controller that restarted. */
static uint64_t
per_second(uint64_t now, uint64_t before, int64_t ns)
{
	return ns > 0 && now > before ? (uint64_t)((double)(now - before) * CLK_S / (double)ns) : 0;
}

static void
count_rates(struct look *now, const struct look *before, int64_t ns)
{
	for (size_t i = 0; i < now->count; i++)
		for (size_t k = 0; k < before->count; k++)
			if (now->rows[i].c.id == before->rows[k].c.id) {
				now->rows[i].counted = ns > 0;
				now->rows[i].bps = per_second(
				    8 * now->rows[i].c.bytes, 8 * before->rows[k].c.bytes, ns);
			}
}

static void
print_look(struct ctl *ctl, struct look *now, const struct look *before)
{
	int64_t ns = before->seen ? now->when.ns - before->when.ns : 0;
	char up[TEXT_TABLE_UNIT_MAX], rate[TEXT_TABLE_UNIT_MAX];
	const struct ctl_status *s = &now->status, *b = &before->status;

	count_rates(now, before, ns);
	fprintf(ctl->out.file, "finderscope %s  up %s%s%s\n", s->version,
	    text_table_age(s->uptime_ms, up), s->frozen ? "  FROZEN" : "",
	    s->released_all ? "  RELEASED" : "");
	fprintf(ctl->out.file, "agents %u/%u  exporters %u  captures %u/%u  mirrored %s\n",
	    s->agents_connected, s->agents_known, s->exporters, s->captures, s->captures_max,
	    text_table_rate(s->mirrored_bps, rate));
	fprintf(ctl->out.file,
	    "samples %" PRIu64 " (%" PRIu64 "/s)  sightings %" PRIu64 " (%" PRIu64 "/s)\n\n",
	    s->samples, per_second(s->samples, b->samples, ns), s->sightings,
	    per_second(s->sightings, b->sightings, ns));
	out_begin(&ctl->out, columns);
	for (size_t i = 0; i < now->count; i++)
		out_row(&ctl->out, &now->rows[i]);
	out_end(&ctl->out, "captures", "nothing is captured");
}

/* As much of the text as the screen has room for: longer lines are cut, colours are not. */
static void
print_clipped(const char *text, struct winsize size, FILE *file)
{
	unsigned lines = 1, column = 0;

	fputs("\033[H", file);
	for (const char *p = text; *p; p++) {
		if (*p == '\033') {
			size_t sequence = strcspn(p, "m") + 1;

			fwrite(p, 1, strnlen(p, sequence), file);
			p += strnlen(p, sequence) - 1;
		} else if (*p == '\n') {
			if (size.ws_row && lines + 1 >= size.ws_row)
				break;
			fputs("\033[K\r\n", file);
			lines++;
			column = 0;
		} else {
			column += ((unsigned char)*p & 0xc0) != 0x80;
			if (size.ws_col == 0 || column <= size.ws_col)
				fputc(*p, file);
		}
	}
	fputs("\033[0m\033[J", file);
	fflush(file);
}

static int
draw(struct ctl *ctl, struct look *now, const struct look *before)
{
	FILE *file = ctl->out.file;
	struct winsize screen = {0};
	char *text = NULL;
	size_t size = 0;

	/* Whatever COLUMNS says: it may have been another window. */
	if (ioctl(fileno(file), TIOCGWINSZ, &screen) == 0 && screen.ws_col)
		ctl->out.width = screen.ws_col;
	ctl->out.file = open_memstream(&text, &size);
	if (ctl->out.file == NULL) {
		ctl->out.file = file;
		return CTL_EXIT_REFUSED;
	}
	print_look(ctl, now, before);
	fclose(ctl->out.file);
	ctl->out.file = file;
	print_clipped(text, screen, file);
	free(text);
	return CTL_EXIT_OK;
}

/* Signals and keys are taken between two looks, where the terminal can be given back in order. */
struct keyboard {
	int signals;
	bool is; /* standard input is a terminal, and `before` is how it was */
	struct termios before;
};

static int
watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
enter(struct keyboard *keys, FILE *file)
{
	struct termios now = keys->before;

	fputs(ENTER, file);
	fflush(file);
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	if (keys->is)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

static void
leave(const struct keyboard *keys, FILE *file)
{
	fputs(LEAVE, file);
	fflush(file);
	if (keys->is)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &keys->before);
}

/* False: it is over. */
static bool
take_signal(struct keyboard *keys, FILE *file)
{
	struct signalfd_siginfo info;

	if (read(keys->signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGWINCH)
		return true;
	if (info.ssi_signo != SIGTSTP)
		return false;
	leave(keys, file);
	raise(SIGSTOP);
	enter(keys, file);
	return true;
}

/* Waits for the next look; false when it is over. */
static bool
wait_for_next(struct keyboard *keys, FILE *file)
{
	struct pollfd fds[] = {{.fd = keys->signals, .events = POLLIN},
	    {.fd = keys->is ? STDIN_FILENO : -1, .events = POLLIN}};
	char typed[64];
	ssize_t n;

	if (poll(fds, 2, REDRAW_MS) <= 0)
		return true;
	if (fds[0].revents)
		return take_signal(keys, file);
	n = read(STDIN_FILENO, typed, sizeof typed);
	return n > 0 && memchr(typed, 'q', (size_t)n) == NULL;
}

static int
live_top(struct ctl *ctl, struct look looks[2])
{
	struct keyboard keys = {.signals = watch_signals()};
	unsigned at = 0;
	int r;

	keys.is = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &keys.before) == 0;
	enter(&keys, ctl->out.file);
	ctl->leave = LEAVE;
	do {
		r = draw(ctl, &looks[at], &looks[!at]);
		if (r != CTL_EXIT_OK || !wait_for_next(&keys, ctl->out.file))
			break;
		at = !at;
		r = ask_look(ctl, &looks[at]);
	} while (r == CTL_EXIT_OK);
	/* Where something went wrong, ask_fail gave the screen back before it said so. */
	if (ctl->leave)
		leave(&keys, ctl->out.file);
	else if (keys.is)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &keys.before);
	ctl->leave = NULL;
	close(keys.signals);
	return r;
}

int
cmd_top(struct ctl *ctl)
{
	struct look looks[2] = {{.seen = false}};
	bool live;
	int r;

	if (ctl->json)
		return list_captures(ctl, false);
	live = !ctl->value[CTL_OPT_ONCE] && isatty(fileno(ctl->out.file));
	r = ask_look(ctl, &looks[0]);
	if (r == CTL_EXIT_OK && !live)
		print_look(ctl, &looks[0], &looks[1]);
	if (r == CTL_EXIT_OK && live)
		r = live_top(ctl, looks);
	free(looks[0].rows);
	free(looks[1].rows);
	return r;
}
