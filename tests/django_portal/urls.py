"""The addresses of the portal."""

from django.contrib import admin
from django.urls import path

from django_portal import views

urlpatterns = [
    path("shared/", views.shared_with_me),
    path("studies/<path:exam>/file", views.File.as_view()),
    path("studies/<path:exam>/share", views.share),
    path("studies/<path:named>/later", views.study_later),
    path("studies/<path:exam>/mistaken", views.mistaken),
    path("studies/<path:exam>", views.study, name="study"),
    path("admin/", admin.site.urls),
]
