"""Pages: reports and pictures for people, each page one file that loads nothing."""
