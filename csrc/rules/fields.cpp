#include "rules/fields.hpp"

#include <functional>

namespace realmsync::rules {

template <class Both> Fields Fields::with(const Fields& other, Both both) const {
    Fields fields({}, both(is_all_but_, other.is_all_but_));
    for (const Names* names : {&names_, &other.names_})
        for (const std::string& name : *names)
            if (both(contains(name), other.contains(name)) != fields.is_all_but_)
                fields.names_.insert(name);
    return fields;
}

Fields Fields::operator|(const Fields& other) const { return with(other, std::logical_or<>()); }
Fields Fields::operator&(const Fields& other) const { return with(other, std::logical_and<>()); }

} // namespace realmsync::rules
