"""Result files and what is made of them: tables, statistics, classes, curves, ensembles."""
