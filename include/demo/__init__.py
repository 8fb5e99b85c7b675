"""A demo on real data: two real models predict the delays of the flights that left New York City in 2013."""
