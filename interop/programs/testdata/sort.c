/* Sorts the lines of standard input through function pointers, and prints a
 * running mean of their lengths: stdio, qsort, malloc and floats of a libc. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void) {
  char **lines = NULL, buffer[4096];
  size_t n = 0, room = 0;
  while (fgets(buffer, sizeof buffer, stdin)) {
    if (n == room) {
      room = room ? 2 * room : 16;
      lines = realloc(lines, room * sizeof *lines);
    }
    lines[n] = malloc(strlen(buffer) + 1);
    strcpy(lines[n++], buffer);
  }
  qsort(lines, n, sizeof *lines, compare);
  double mean = 0;
  for (size_t i = 0; i < n; i++) {
    mean += ((double)strlen(lines[i]) - mean) / (double)(i + 1);
    printf("%.6f %s", mean, lines[i]);
  }
  return 0;
}
