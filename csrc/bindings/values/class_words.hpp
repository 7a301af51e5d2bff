// The words for classes and properties in plain tuples: those of realmsync/apps/model.py.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/values.hpp"

namespace realmsync::bindings {

inline constexpr std::pair<std::string_view, Type> kTypeWords[] = {{"bool", Type::boolean},
                                                                   {"int", Type::integer},
                                                                   {"float", Type::float32},
                                                                   {"double", Type::float64},
                                                                   {"decimal128", Type::decimal},
                                                                   {"string", Type::string},
                                                                   {"data", Type::binary},
                                                                   {"date", Type::timestamp},
                                                                   {"objectId", Type::object_id},
                                                                   {"uuid", Type::uuid},
                                                                   {"mixed", kMixed},
                                                                   {"link", Type::link},
                                                                   {"embedded", Type::link}};
inline constexpr std::pair<std::string_view, Collection> kCollectionWords[] = {
    {"list", Collection::list}, {"set", Collection::set}, {"dictionary", Collection::dictionary}};
inline constexpr std::pair<std::string_view, TableKind> kKindWords[] = {
    {"top", TableKind::top_level},
    {"embedded", TableKind::embedded},
    {"asymmetric", TableKind::asymmetric}};

// What a word stands for; null for a word that is none.
template <class T, std::size_t n>
const T* meaning_of(const std::pair<std::string_view, T> (&words)[n], std::string_view word) {
    const auto* found = std::ranges::find(words, word, &std::pair<std::string_view, T>::first);
    return found == std::end(words) ? nullptr : &found->second;
}

} // namespace realmsync::bindings
