module example.com/group.v1/shapes-v2

go 1.19
