"""Random changes of training clips: how much (`spec`, without torch), and how (`change` the picture, `sound`)."""
