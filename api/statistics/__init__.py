"""Statistics for HTTP and the command line: questions read, answered, named, and written as sheets."""
