// The bank as a program: bank sim, bank replay, bank shrink.
#include "bank.h"

#include "keelson/sim/main.h"

int main(int argc, char** argv) { return sim::main(argc, argv, bank_simulation()); }
