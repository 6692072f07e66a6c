/* A shared library with a function that its program calls, and that calls another of its own. */
#define PROBED __attribute__((noipa, used, visibility("default")))

PROBED long inner(long n)
{
	return n + 1;
}

PROBED long side(long n)
{
	return inner(n) + inner(n);
}
