// Whether a client may have written what it has written: object by object, asked before and after
// the change is applied (flexible-sync.md 9.2). Pure; what is dropped and how it is told is
// partitions/flexible_append.cpp's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "query/evaluation/run.hpp"
#include "query/values/image.hpp"
#include "rules/rights.hpp"
#include "views/view.hpp"

namespace realmsync::views {

enum class Rejection : std::uint8_t {
    not_allowed, // by the role, or without a subscription of the class
    outside,     // of what the subscriptions ask for
};

// All that one changeset does to one object.
struct ObjectWrite {
    const query::Image* before = nullptr; // null: there was none
    bool creates = false, erases = false; // has such an instruction
    std::span<const std::size_t> changed; // properties that it writes
};

// What the change is asked of: a class without rights allows nothing.
struct Judge {
    const View& view;
    const rules::ClassRights* rights;
    query::Run& run;

    // Before the change: who may not touch the object as it is.
    std::optional<Rejection> before(const ObjectWrite& write) const;
    // After it: who may not leave the object as it would be. `after`: null where it is gone.
    std::optional<Rejection> after(const ObjectWrite& write, const query::Image* after) const;
};

// The reason as rejectedUpdates says it (9.3).
std::string text_of(Rejection rejection, std::string_view cls, const Key& key);

} // namespace realmsync::views
