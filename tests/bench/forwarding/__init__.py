"""What the benchmark of media servers is made of: peers without a browser, the servers, and how they are joined."""
