// A place below another one. Owns the longer path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tables/apply.hpp"

namespace realmsync::realm {

class Below {
  public:
    Below(const tables::Target& target, changeset::Step step) : target_(target) {
        path_.reserve(target.path.size() + 1);
        path_.assign(target.path.begin(), target.path.end());
        path_.push_back(step);
        target_.path = path_;
    }
    Below(const tables::Target& target, std::size_t index)
        : Below(target, changeset::Step{false, static_cast<std::uint32_t>(index), {}}) {}
    Below(const Below&) = delete;
    const tables::Target& operator*() const { return target_; }

  private:
    tables::Target target_;
    std::vector<changeset::Step> path_;
};

} // namespace realmsync::realm
