"""The addresses of the portal."""

from django.contrib import admin
from django.urls import include, path

from imaging_portal import views

urlpatterns = [
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
    path("studies/", views.studies),
    path("studies/<int:exam>/", views.study, name="study"),
    path("studies/<int:exam>/file", views.StudyFile.as_view()),
    path("studies/<int:exam>/share", views.share),
]
