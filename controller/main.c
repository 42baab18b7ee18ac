/* SPDX-License-Identifier: GPL-2.0-or-later */
/* finderscope-controller: the words of its command line. */
#include <stdio.h>
#include <string.h>

#include "controller/receive/decode_cmd.h"

int
main(int argc, char *argv[])
{
	if (argc > 1 && strcmp(argv[1], "decode") == 0)
		return decode_cmd_main(argc - 1, argv + 1);
	fprintf(stderr, "usage: finderscope-controller decode FILE…\n");
	return 2;
}
