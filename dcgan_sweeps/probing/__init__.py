"""The paper's evaluation: linear classifiers on the features of a discriminator."""
