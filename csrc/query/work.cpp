#include "query/work.hpp"

#include <string>

namespace realmsync::query {

void Work::fail() const {
    const bool is_object = granted_ == limits_.object;
    throw QueryFault(FaultKind::limit,
                     "The query takes too much work: more than " +
                         std::to_string(is_object ? limits_.object : limits_.run) + " steps for " +
                         (is_object ? "one object" : "all objects together"));
}

} // namespace realmsync::query
