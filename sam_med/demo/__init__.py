"""Demo: organs of two CT from one box each, compared with the labels that come with the scans."""
