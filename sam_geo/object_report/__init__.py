"""Object report: the page about the objects of a job, with the doubtful ones in pictures."""
