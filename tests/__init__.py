"""Tests of the whole project; each folder of tests is a package, so that file names may repeat."""
