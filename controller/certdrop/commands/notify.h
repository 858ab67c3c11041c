#pragma once

/*
 * Telling the service manager how we are: sd_notify(3)'s protocol, one datagram to the socket that
 * NOTIFY_SOCKET names. Without that variable nothing happens.
 */

/* "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." */
void notify_send(const char *text);

/* How often WATCHDOG=1 is expected, in milliseconds; 0: it is not (WATCHDOG_USEC, WATCHDOG_PID). */
unsigned long notify_watchdog_ms(void);
