showHead();
showSections();
showFailures();
showScenarios();
showMarks();
showFaults();
showSlowest();
