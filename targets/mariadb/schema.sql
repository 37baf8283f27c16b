-- The user that clients and followers are, and the tables of the workloads.
flush privileges;
create user 'ordeal'@'%' identified by '';
grant all on *.* to 'ordeal'@'%' with grant option;
create database ordeal;
create table ordeal.reg (k int primary key, v bigint);
create table ordeal.elements (k int, e bigint, primary key (k, e));
create table ordeal.counters (k int primary key, v bigint not null);
create table ordeal.ids (id bigint primary key auto_increment, x int);
create table ordeal.accounts (id int primary key, balance bigint not null);
