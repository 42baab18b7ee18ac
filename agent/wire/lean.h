/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the three processes keep little memory resident: a table's copies, which are large and live
 * for a moment, go back at once, and so does what only the start needed of the program and its
 * libraries. What is needed again is read again, by the page.
 */
#ifndef AGENT_WIRE_LEAN_H
#define AGENT_WIRE_LEAN_H

/* Sets the allocator up; first thing in a process. */
void lean_begin(void);

/*
 * After the start: gives back what it left in the heap, and lets go of the mapped pages of program
 * and libraries that cannot have been written to (mostly symbol tables and code that ran once).
 */
void lean_settle(void);

/* Gives back what is free inside the heap. Some 50 microseconds: not on the way of an order. */
void lean_trim(void);

#endif
