// Tuning structs from Python dicts: which members a struct offers is said by the binding that uses
// it, how a named value gets into its member is said here.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <type_traits>
#include <variant>

namespace realmsync::bindings {

// Sets the members that `values` names; `members` are pairs of name and variant of member pointers.
// Raises ValueError for an unknown name.
template <class Tuning, class Members>
void set_members(Tuning& tuning, const Members& members, const pybind11::dict& values) {
    for (auto [key, value] : values) {
        const auto name = key.template cast<std::string>();
        const auto* found = std::find_if(std::begin(members), std::end(members),
                                         [&](const auto& member) { return name == member.first; });
        if (found == std::end(members))
            throw pybind11::value_error("no such tuning value: " + name);
        std::visit(
            [&](auto member) {
                using T = std::decay_t<decltype(tuning.*member)>;
                tuning.*member = value.template cast<T>();
            },
            found->second);
    }
}

} // namespace realmsync::bindings
